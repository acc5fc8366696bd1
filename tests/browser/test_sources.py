"""A source by the admin panel: added, synced while one looks on, paused and removed."""

from playwright.sync_api import Page, expect

from tests.stack import Stack


def test_a_source_is_added_watched_paused_and_removed(page: Page, stack: Stack) -> None:
    with stack.client() as client:
        collection = client.post("/api/v1/collections", json={"name": "Of sources"}).json()["id"]
    page.goto(f"/admin/documents/collection/{collection}/upload/")
    page.get_by_role("link", name="Website, folder or bucket").click()
    expect(page.get_by_label("Collection")).to_have_value(collection)
    expect(page.get_by_label("Links deep")).to_be_visible()
    page.get_by_label("by the sitemap").press("Space")
    expect(page.get_by_label("Links deep")).to_be_hidden()
    page.get_by_label("A folder").press("Space")
    expect(page.get_by_text("Find its pages")).to_be_hidden()
    page.get_by_role("textbox", name="Folder").fill("/etc")
    page.get_by_role("textbox", name="Folder").press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Only folders below SOURCE_FOLDERS are read")
    expect(page.get_by_role("textbox", name="Folder")).to_have_attribute("aria-invalid", "true")

    page.get_by_label("One page").check()
    page.get_by_role("textbox", name="Address of the page or file").fill("http://127.0.0.1/inside")
    page.get_by_role("button", name="Add and sync").click()
    expect(page.locator("#standing")).to_contain_text("In step but for 1")  # it looks again by itself
    expect(page.locator("#standing")).to_contain_text("kept from inner networks")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#standing")).to_contain_text("Paused (every day)")
    page.get_by_role("button", name="Resume").click()
    page.get_by_role("button", name="Sync now").click()
    expect(page.locator("#standing")).to_contain_text("In step but for 1")
    page.get_by_role("link", name="Remove…").click()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("The source http://127.0.0.1/inside was removed.")).to_be_visible()
    with stack.client() as client:
        client.delete(f"/api/v1/collections/{collection}")
