// A browser forbids a page opened from a folder to fetch anything, even other pages of the book: the search then lists titles without
// excerpts instead of reporting errors.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
