// What arrives on the stream, and how it comes onto the page.
(() => {
    const list = document.getElementById('messages')
    // What comes on the stream is swapped in once a frame, however much that is: laid out for each
    // message, a busy room has no time for the keyboard. What is more than a frame has time for waits
    // for the next one, and not the reader: fewer at a time where frames are late.
    const [FEWEST, MOST, LATE] = [10, 100, 100] // Messages, messages, milliseconds.
    let [size, last] = [FEWEST, null]
    const CHANGES = ['MessageRemoved', 'MessageEdited']
    const CONTENT = ['NewMessage', 'Gap', 'PresenceChanged', ...CHANGES]
    const waiting = []
    hubbub.waiting = () => waiting.length > 0
    const { port1, port2 } = new MessageChannel()
    let due = false
    const swap = () => {
        due = false
        const now = performance.now()
        if (last !== null) size = now - last > LATE ? Math.max(FEWEST, size >> 1) : Math.min(MOST, size + 10)
        const batch = waiting.splice(0, size)
        last = waiting.length ? now : null
        if (!batch.length) return
        hubbub.came(batch.filter(({ event }) => event === 'NewMessage').length)
        const marked = ({ event, data }) => CHANGES.includes(event) ? data.replace('<p ', '<p data-change ') : data
        const text = batch.map(marked).join('')
        htmx.swap({ text, target: list, swap: 'beforeend swapEmpty:false', sourceElement: list })
        wait()
    }
    // A hidden page has no frames, and its timers run once a second at most.
    const wait = () => {
        if (due || !waiting.length) return
        due = true
        if (document.hidden) port2.postMessage(0)
        else requestAnimationFrame(swap)
    }
    port1.onmessage = swap
    document.addEventListener('visibilitychange', () => due && document.hidden && port2.postMessage(0))
    // htmx swaps unnamed events only; a named one becomes a DOM event. These are content.
    document.addEventListener('htmx:sse:before:message', ({ detail }) => {
        if (!CONTENT.includes(detail.message.event)) return
        detail.cancelled = true
        waiting.push(detail.message)
        wait()
    })

    // A message may be on the page already: from the page itself, from before a reconnect, or from
    // the answer to its sender, where it waits in the outbox for its place. Decided at the last
    // moment before either swap, so that no frame shows a message twice or not at all.
    document.addEventListener('htmx:before:swap', ({ detail: { ctx, tasks } }) => {
        if (ctx.sourceElement.closest?.('.older')) hubbub.quiet() // What is older is no news.
        let last
        for (const { fragment } of tasks) {
            const before = []
            for (const line of fragment.querySelectorAll('.message, .gap')) {
                // Another epoch is another journal: what is shown is not in it, and goes.
                const epoch = line.dataset.epoch ?? line.dataset.key.split('-')[0]
                if (epoch !== last) {
                    const others = document.querySelectorAll(`.message:not([data-key^="${epoch}-"])`)
                    if (others.length) list.querySelector('.older')?.remove()
                    for (const other of [...others, ...before.splice(0)]) other.remove()
                    last = epoch
                }
                // Who said it need not hear of it.
                if (hubbub.isOwn(line)) line.setAttribute('aria-live', 'off')
                const same = line.id && (before.find(({ id }) => id === line.id) ?? document.getElementById(line.id))
                // Another from here on: where the page has it, it goes in its place.
                if (line.matches('[data-change]')) {
                    line.removeAttribute('data-change')
                    if (before.includes(same)) before[before.indexOf(same)] = line
                    const focused = same?.contains(document.activeElement) // On what is in its menu.
                    if (same) same.replaceWith(line)
                    else line.remove()
                    if (focused) document.getElementById('text').focus()
                } else if (same && list.contains(same)) line.remove()
                else {
                    same?.remove()
                    before.push(line)
                }
            }
        }
    })
})()
