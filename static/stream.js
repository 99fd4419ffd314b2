// The stream of the page: opened, lost, and come back to.
const { $, beacon } = hubbub
const list = $('messages')
const log = document.querySelector('.log')

// The stream, as the header tells of it. From its loss until it has caught up the list announces
// nothing: what was missed is a number, not a hundred sentences.
const QUIET = 300 // Milliseconds without a message end the catching up, and in a busy room
const ROUNDS = 10 // so many of these in any case.
let settling, missed
const lost = () => {
    if (gone) return
    $('connection').textContent = 'Reconnecting…'
    log.setAttribute('aria-live', 'off')
}
hubbub.quiet = () => {
    log.setAttribute('aria-live', 'off')
    missed = 0
    clearTimeout(settling)
    settling = setTimeout(settle, QUIET, 0, ROUNDS)
}
hubbub.came = (number) => (missed += number)
const settle = (before, rounds) => {
    const more = missed > before || hubbub.waiting.length // Frames may be slow.
    if (more && rounds > 1) return (settling = setTimeout(settle, QUIET, missed, rounds - 1))
    $('missed').textContent = missed ? hubbub.newMessages(missed) : ''
    log.setAttribute('aria-live', 'polite')
}

// Six connections are all that a browser has for one server over HTTP/1.1, whatever the number of its
// tabs: a hidden one lets go of its own, but for one that somebody wants to be notified by.
const multiplexed = /^h[23]/.test(performance.getEntriesByType?.('navigation')[0]?.nextHopProtocol)
const rests = () => document.hidden && !multiplexed && !hubbub.listens?.()

// Each opening is a request of its own, from the first to the last: the extension reads the stream,
// and here is decided when there is one.
const LONGEST_WAIT = 8_000 // Of ten thousand tabs these are a thousand small requests a second.
const address = list.getAttribute('hx-sse:connect') // None where a part of the past is shown.
let connection
let [gone, tries, retry] = [false, 0, null] // Gone: the tab is not joined any more, and has no stream.
const open = hubbub.open = () => address && htmx.ajax('GET', address, { source: list })
const cut = () => connection?.reader?.cancel()
list.addEventListener('htmx:before:request', (event) => {
    if (event.target !== list) return
    clearTimeout(retry)
    if (gone || rests() || list._htmx?.sse) return event.preventDefault()
    if (connection) lost()
    if (connection?.lastEventId) event.detail.ctx.request.headers['Last-Event-ID'] = connection.lastEventId
})
document.addEventListener('htmx:sse:before:connection', ({ detail }) => {
    detail.connection.cancelled = gone || rests()
    detail.connection.lastEventId = connection?.lastEventId ?? ''
    connection = detail.connection
})
document.addEventListener('htmx:sse:after:connection', () => {
    tries = 0
    $('connection').textContent = ''
    hubbub.quiet()
    document.dispatchEvent(new Event('hubbub:live'))
})
const failed = ({ target }) => {
    if (target !== list) return
    if (!rests()) lost()
    const wait = Math.min(LONGEST_WAIT, (connection?.config.reconnectDelay ?? 500) * 2 ** tries++)
    retry = setTimeout(open, wait * (0.7 + Math.random() * 0.6)) // Spread, so that a whole room does not knock at once.
}
for (const end of ['htmx:error', 'htmx:response:error', 'htmx:sse:close']) list.addEventListener(end, failed)
addEventListener('offline', lost)
addEventListener('online', () => (cut(), open())) // It may be dead and not know it.
document.addEventListener('hubbub:gone', () => {
    gone = true
    cut()
    $('connection').textContent = ''
})
// Leaving ends the stream, which is no error where this side ends it first.
$('leave').addEventListener('submit', cut)

// A hidden tab says that it is hidden, to be here all the same.
const say = (hidden) => address && !gone && beacon(`${location.pathname}/presence`, { hidden })
let leaving = false // A page that is left is hidden, too, after this.
document.addEventListener('visibilitychange', () => {
    if (rests()) cut()
    // Firefox hides a page that is left before it says so: what is left has no next task, and no
    // word that it is hidden, which may overtake the one that it is gone.
    if (document.hidden) return setTimeout(() => document.hidden && !leaving && say(true))
    if (list._htmx?.sse) say(false)
    open()
})
if (document.hidden) say(true)
setInterval(() => document.hidden && say(true), 60_000)
addEventListener('pagehide', () => ((leaving = true), document.hidden && say(false)))
addEventListener('pageshow', () => (leaving = false))
