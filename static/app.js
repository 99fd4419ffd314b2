// What htmx does not do by itself; everything else on the page is attributes.
(() => {
    const $ = (id) => document.getElementById(id)
    const list = $('messages')
    const log = document.querySelector('.log')
    const isStream = (event) => event.detail.ctx?.sourceElement === list
    const isSend = (event) => event.detail.ctx?.sourceElement?.id === 'send'

    // htmx swaps unnamed events only; a named one becomes a DOM event. These are content.
    const CONTENT = ['NewMessage', 'Gap', 'PresenceChanged']
    document.addEventListener('htmx:sse:before:message', ({ detail: { message } }) => {
        if (log.ariaLive === 'off') settle(message.event === 'NewMessage')
        if (CONTENT.includes(message.event)) message.event = ''
    })

    // A message may be on the page already: from the page itself, from before a reconnect, or from
    // the answer to its sender, where it waits in the outbox for its place. Decided at the last
    // moment before either swap, so that no frame shows a message twice or not at all.
    document.addEventListener('htmx:before:swap', ({ detail: { ctx, tasks } }) => {
        if (ctx.sourceElement.closest?.('.older')) quiet() // What is older is no news.
        for (const { fragment } of tasks)
            for (const line of fragment.querySelectorAll('.message, .gap')) {
                // Another epoch is another journal: what is shown is not in it, and goes.
                const epoch = line.dataset.epoch ?? line.dataset.key.split('-')[0]
                const others = document.querySelectorAll(`.message:not([data-key^="${epoch}-"])`)
                if (others.length) list.querySelector('.older')?.remove()
                for (const other of others) other.remove()
                const same = line.dataset.key && `[data-key="${line.dataset.key}"]`
                if (same && list.querySelector(same)) line.remove()
                else if (same) $('outbox').querySelector(same)?.remove()
            }
    })

    // The stream, as the header tells of it. From its loss until it has caught up the list announces
    // nothing: what was missed is a number, not a hundred sentences.
    const QUIET = 300 // Milliseconds without a message end the catching up, and in a busy room
    const LONGEST = 3_000 // so many in any case.
    let connection, opening, settling, since, missed
    const tell = (state) => ($('connection').textContent = state)
    const lost = () => {
        tell('Reconnecting…')
        log.ariaLive = 'off'
    }
    const quiet = () => {
        log.ariaLive = 'off'
        ;[missed, since] = [0, Date.now()]
        settle(false)
    }
    const settle = (came) => {
        missed += came
        clearTimeout(settling)
        settling = setTimeout(() => {
            $('missed').textContent = missed ? `${missed} new message${missed === 1 ? '' : 's'}` : ''
            log.ariaLive = 'polite'
        }, Math.min(QUIET, since + LONGEST - Date.now()))
    }
    document.addEventListener('htmx:sse:before:connection', (event) => {
        connection = event.detail.connection
        lost()
    })
    document.addEventListener('htmx:sse:after:connection', () => {
        opening = false
        tell('')
        quiet()
        // Opened by a tab that was hidden meanwhile: let the extension hear of it.
        if (document.hidden) setTimeout(() => document.dispatchEvent(new Event('visibilitychange')))
    })
    const hurry = () => setTimeout(() => connection?.delayCanceller?.()) // Without the wait of a retry.
    addEventListener('offline', lost)
    addEventListener('online', () => {
        connection?.reader?.cancel() // It may be dead and not know it.
        hurry()
    })

    // Leaving ends the stream, which is no error where this side ends it first.
    document.addEventListener('submit', ({ target }) => {
        if (target.id === 'leave') connection?.reader?.cancel()
    })

    // The first opening is an ordinary request, which htmx does not repeat when it fails (a proxy's
    // 502 during a restart), and would make for a hidden tab. From then on the extension comes back
    // by itself, with its last event's id.
    const address = list.getAttribute('hx-sse:connect') // None where a part of the past is shown.
    const open = () => {
        if (address && !opening && !list._htmx?.sse) htmx.ajax('GET', address, { source: list })
    }
    document.addEventListener('htmx:before:request', (event) => {
        if (isSend(event)) note('')
        if (isStream(event) && document.hidden) event.preventDefault()
        else if (isStream(event)) opening = true
    })
    const failed = (event) => {
        if (!isStream(event)) return
        opening = false
        lost()
        setTimeout(open, 500 + Math.random() * 1000) // Spread, so that a whole room does not knock at once.
    }

    // Six connections are all that a browser has for one server over HTTP/1.1, whatever the number
    // of its tabs: a hidden one lets go of its own. It says that it is hidden, to be here all the same.
    const multiplexed = /^h[23]/.test(performance.getEntriesByType('navigation')[0].nextHopProtocol)
    htmx.config.sse = { pauseOnBackground: !multiplexed }
    const say = (hidden) =>
        address && navigator.sendBeacon(`${location.pathname}/presence`, new URLSearchParams({ hidden }))
    let leaving = false // A page that is left is hidden, too, after this.
    document.addEventListener('visibilitychange', () => {
        if (document.hidden) return leaving || say(true)
        if (multiplexed) say(false)
        open()
        hurry()
    })
    if (document.hidden) say(true)
    setInterval(() => document.hidden && say(true), 60_000)
    addEventListener('pagehide', () => {
        leaving = true
        if (document.hidden) say(false)
    })
    addEventListener('pageshow', () => (leaving = false))

    // A send that failed leaves the draft where it is, and says so.
    const note = (text) => {
        $('send-note').textContent = text
        $('send-note').classList.toggle('failed', text !== '')
    }
    document.addEventListener('htmx:error', (event) => {
        if (isSend(event)) note('Not sent: the server cannot be reached. Your message is still here.')
        failed(event)
    })
    document.addEventListener('htmx:response:error', (event) => {
        const { ctx } = event.detail
        if (list.contains(ctx?.sourceElement)) ctx.swap = 'none' // An error page is no message.
        failed(event)
        if (!isSend(event) || ctx.hx.reswap) return // Our own form, which says what is wrong.
        const ours = ctx.response.headers.get('content-type')?.startsWith('text/plain')
        const other = `the server answered ${ctx.response.status}. Your message is still here.`
        note(`Not sent: ${ours ? ctx.text : other}`)
    })
})()
