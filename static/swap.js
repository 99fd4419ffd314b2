// What arrives on the stream, and how it comes onto the page.
const { $, isOwn } = hubbub
const list = $('messages')

// What comes on the stream is swapped in once a frame, however much that is: laid out for each
// message, a busy room has no time for the keyboard. What is more than a frame has time for waits
// for the next one, and not the reader: fewer at a time where frames are late.
const [FEWEST, MOST, LATE] = [10, 100, 100] // Messages, messages, milliseconds.
let [size, last, frame] = [FEWEST, null, null]
const CHANGES = ['MessageRemoved', 'MessageEdited']
const CONTENT = ['NewMessage', 'Gap', 'PresenceChanged', ...CHANGES]
const marked = ({ event, data }) => CHANGES.includes(event) ? data.replace('<p ', '<p data-change ') : data
const waiting = hubbub.waiting = []
const swap = () => {
    const now = performance.now()
    if (last !== null) size = now - last > LATE ? Math.max(FEWEST, size >> 1) : Math.min(MOST, size + 10)
    const batch = waiting.splice(0, size)
    last = waiting.length ? now : null
    if (!batch.length) return
    hubbub.came(batch.filter(({ event }) => event === 'NewMessage').length)
    const text = batch.map(marked).join('')
    htmx.swap({ text, target: list, swap: 'beforeend swapEmpty:false', sourceElement: list })
    if (waiting.length) wait()
}
// A hidden page has no frames, and its timers run once a second at most.
const { port1, port2 } = new MessageChannel()
port1.onmessage = swap
const wait = () => {
    cancelAnimationFrame(frame)
    frame = document.hidden ? port2.postMessage(0) : requestAnimationFrame(swap)
}
document.addEventListener('visibilitychange', () => waiting.length && wait())
// htmx swaps unnamed events only; a named one becomes a DOM event. These are content.
document.addEventListener('htmx:sse:before:message', ({ detail }) => {
    if (!CONTENT.includes(detail.message.event)) return
    detail.cancelled = true
    if (waiting.push(detail.message) === 1) wait()
})

// Another epoch is another journal: what is shown of one is not in the other, and goes.
const keep = (epoch, fragment) => {
    const others = `.message:not([data-key^="${epoch}-"]), .gap:not([data-epoch="${epoch}"])`
    if (document.querySelector(others)) list.querySelector('.older')?.remove()
    for (const place of [document, fragment]) {
        for (const other of place.querySelectorAll(others)) other.remove()
    }
}
// A message may be on the page already: from the page itself, from before a reconnect, or from
// the answer to its sender, where it waits in the outbox for its place.
const settle = (line, fragment) => {
    if (isOwn(line)) line.setAttribute('aria-live', 'off') // Who said it need not hear of it.
    const first = fragment.getElementById(line.id)
    const same = first === line ? document.getElementById(line.id) : first
    if (!line.matches('[data-change]')) return list.contains(same) ? line.remove() : same?.remove()
    // Another from here on: where the page has it, it goes in its place.
    line.removeAttribute('data-change')
    const focused = same?.contains(document.activeElement) // On what is in its menu.
    if (same) same.replaceWith(line)
    else line.remove()
    if (focused) $('text').focus()
}
// Decided at the last moment before either swap, so that no frame shows a message twice or not at all.
document.addEventListener('htmx:before:swap', ({ detail: { ctx, tasks } }) => {
    if (ctx.sourceElement.closest?.('.older')) hubbub.quiet() // What is older is no news.
    for (const { fragment } of tasks) {
        const newest = [...fragment.querySelectorAll('.message, .gap')].at(-1)
        if (newest) keep(newest.dataset.epoch ?? newest.dataset.key.split('-')[0], fragment)
        for (const line of fragment.querySelectorAll('.message, .gap')) settle(line, fragment)
    }
})
