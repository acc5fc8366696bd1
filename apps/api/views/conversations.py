"""/api/v1/conversations: threads of questions."""

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.base import ApiView, as_id
from apps.api.schema import page_of
from apps.api.serializers import answers as shapes
from apps.chat import selectors, services


class ConversationsView(ApiView):
    @extend_schema(parameters=[shapes.ConversationsQuery], responses=page_of(shapes.ConversationShape))
    def get(self, request: Request) -> Response:
        """Your conversations, the newest first; `?q=` looks into titles and questions."""
        rows = selectors.conversations_of(self.person, self.query(shapes.ConversationsQuery).get("q", ""))
        return self.page(rows, lambda found: [selectors.conversation_json(row) for row in found])

    @extend_schema(request=shapes.NewConversation, responses={201: shapes.ConversationShape})
    def post(self, request: Request) -> Response:
        """Begins an empty conversation. (A question without a conversation begins one by itself.)"""
        form = self.form(shapes.NewConversation)
        made = services.create_conversation(by=self.person, collections=form.get("collections", ()))
        if "title" in form:
            made = services.rename(by=self.person, conversation=made, title=form["title"])
        where = {"Location": f"/api/v1/conversations/{made.pk}"}
        return Response(selectors.conversation_json(made), status=201, headers=where)


class ConversationView(ApiView):
    @extend_schema(responses=shapes.WholeConversationShape)
    def get(self, request: Request, id: str) -> Response:
        """A conversation with all its answers."""
        conversation = selectors.conversation_of(self.person, as_id(id, "conversation"))
        return Response(selectors.whole_conversation_json(conversation, self.person))

    @extend_schema(request=shapes.ChangedConversation, responses=shapes.ConversationShape)
    def patch(self, request: Request, id: str) -> Response:
        """Gives it another title, or pins it."""
        conversation = selectors.conversation_of(self.person, as_id(id, "conversation"))
        form = self.form(shapes.ChangedConversation)
        if "title" in form:
            conversation = services.rename(by=self.person, conversation=conversation, title=form["title"])
        if "pinned" in form:
            conversation = services.pin(by=self.person, conversation=conversation, pinned=form["pinned"])
        return Response(selectors.conversation_json(conversation))

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request, id: str) -> Response:
        """Deletes it with its answers; what is being written stops."""
        services.delete_conversation(by=self.person, conversation=as_id(id, "conversation"))
        return Response(status=204)
