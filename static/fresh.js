// A page that shows what was said, and follows nothing: come back to from the browser's memory, it is
// asked for anew, since what it shows may have been removed meanwhile.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())
// As in a room, names have no colon, and times are the reader's. (In its past, `list.js` has done that.)
for (const link of document.querySelectorAll('.message:not([data-day]) time a')) {
    link.closest('.message').querySelector('strong').textContent = link.closest('.message').dataset.name
    link.textContent = new Date(link.parentElement.dateTime).toLocaleString([], { dateStyle: 'medium', timeStyle: 'short' })
}
