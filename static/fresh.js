// A page that shows what was said, and follows nothing: come back to from the browser's memory, it is
// asked for anew, since what it shows may have been removed meanwhile.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
