// A book that is read from a folder may fetch nothing, not even its own pages: its search gives titles and no excerpts, instead of errors.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
