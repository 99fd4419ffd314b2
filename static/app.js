// What htmx does not do by itself. Everything else on the page is attributes.
(() => {
    const list = () => document.getElementById('messages')
    const outbox = () => document.getElementById('outbox')

    // htmx swaps unnamed events only; a named one becomes a DOM event. These are content.
    const CONTENT = ['NewMessage', 'Gap', 'PresenceChanged']
    document.addEventListener('htmx:sse:before:message', (event) => {
        const message = event.detail.message
        if (CONTENT.includes(message.event)) message.event = ''
    })

    // A message may be on the page already: from the page itself (sent between its rendering and
    // the stream's opening), from before a reconnect, or from the sender's own answer. That one
    // waits in the outbox until the stream brings it to its place; if the stream was quicker, it
    // is not needed. Decided here, at the last moment before either swap, so that no frame shows a
    // message twice or not at all.
    document.addEventListener('htmx:before:swap', (event) => {
        for (const { fragment } of event.detail.tasks)
            for (const line of fragment.querySelectorAll('.message, .gap')) {
                // Another epoch is another journal: what is shown is not in it, and goes, and the
                // way to what was before.
                const epoch = line.dataset.epoch ?? line.dataset.key.split('-')[0]
                const others = document.querySelectorAll(`.message:not([data-key^="${epoch}-"])`)
                if (others.length) list().querySelector('.older')?.remove()
                for (const other of others) other.remove()
                const same = line.dataset.key && `[data-key="${line.dataset.key}"]`
                if (!same) continue
                if (list().querySelector(same)) line.remove()
                else outbox().querySelector(same)?.remove()
            }
    })

    // The answer to a send brings a new form; what was typed since then moves into it.
    document.addEventListener('htmx:before:swap', ({ detail: { ctx, tasks } }) => {
        for (const { fragment } of tasks) {
            const next = fragment.querySelector('#text')
            if (!next) continue
            const sent = ctx.request.body.get('text')
            const now = document.getElementById('text').value
            if (now === sent) continue
            next.value = ctx.response.status === 200 && now.startsWith(sent) ? now.slice(sent.length) : now
        }
    })

    // A send that failed leaves the draft where it is, and says so.
    const note = (text) => {
        const line = document.getElementById('send-note')
        line.textContent = text
        line.classList.toggle('failed', text !== '')
    }
    const isSend = (event) => event.detail.ctx?.sourceElement?.id === 'send'
    document.addEventListener('htmx:before:request', (event) => isSend(event) && note(''))
    document.addEventListener('htmx:error', (event) => {
        if (isSend(event)) note('Not sent: the server cannot be reached. Your message is still here.')
    })
    document.addEventListener('htmx:response:error', (event) => {
        if (!isSend(event)) return
        const { response, text, hx } = event.detail.ctx
        if (hx.reswap) return // Our own form, which says what is wrong.
        const ours = response.headers.get('content-type')?.startsWith('text/plain')
        note(ours ? `Not sent: ${text}` : `Not sent: the server answered ${response.status}. Your message is still here.`)
    })

    // The first opening of the stream is an ordinary request, which htmx does not repeat when it
    // fails (a proxy's 502 during a restart): try again until it is open. From then on the
    // extension comes back by itself, with its last event's id.
    const retry = (event) => {
        const source = event.detail.ctx?.sourceElement
        if (source !== list()) return
        setTimeout(() => {
            if (!source._htmx?.sse) htmx.ajax('GET', source.getAttribute('hx-sse:connect'), { source })
        }, 500 + Math.random() * 1000) // Spread, so that a whole room does not knock at once.
    }
    document.addEventListener('htmx:error', retry)
    document.addEventListener('htmx:response:error', (event) => {
        const { ctx } = event.detail
        if (!list().contains(ctx?.sourceElement)) return
        ctx.swap = 'none' // An error page is no message. The way to older ones stays, to be clicked.
        retry(event)
    })
})()
