// The stream of the page: opened, lost, and come back to.
(() => {
    const $ = (id) => document.getElementById(id)
    const list = $('messages')
    const log = document.querySelector('.log')
    const isStream = (event) => event.detail.ctx?.sourceElement === list

    // The stream, as the header tells of it. From its loss until it has caught up the list announces
    // nothing: what was missed is a number, not a hundred sentences.
    const QUIET = 300 // Milliseconds without a message end the catching up, and in a busy room
    const LONGEST = 3_000 // so many in any case.
    let connection, opening, settling, since, missed
    const tell = (state) => ($('connection').textContent = state)
    let gone = false // The tab is not joined any more, and has no stream.
    const lost = () => {
        if (gone) return
        tell('Reconnecting…')
        log.setAttribute('aria-live', 'off')
    }
    hubbub.quiet = () => {
        log.setAttribute('aria-live', 'off')
        ;[missed, since] = [0, Date.now()]
        settle(0)
    }
    const settle = (came) => {
        missed += came
        clearTimeout(settling)
        settling = setTimeout(() => {
            // Frames may be slow.
            if (hubbub.waiting() && Date.now() < since + LONGEST) return settle(0)
            $('missed').textContent = missed ? `${missed} new message${missed === 1 ? '' : 's'}` : ''
            log.setAttribute('aria-live', 'polite')
        }, Math.min(QUIET, since + LONGEST - Date.now()))
    }
    hubbub.came = (number) => {
        if (log.getAttribute('aria-live') === 'off') settle(number)
    }
    document.addEventListener('htmx:sse:before:connection', (event) => {
        connection = event.detail.connection
        if (gone) connection.cancelled = true
        lost()
    })
    document.addEventListener('htmx:sse:after:connection', () => {
        opening = false
        tell('')
        hubbub.quiet()
        document.dispatchEvent(new Event('hubbub:live'))
        // Opened by a tab that was hidden meanwhile: let the extension hear of it.
        if (document.hidden) setTimeout(() => document.dispatchEvent(new Event('visibilitychange')))
    })
    const hurry = () => setTimeout(() => connection?.delayCanceller?.()) // Without the wait of a retry.
    addEventListener('offline', lost)
    addEventListener('online', () => {
        connection?.reader?.cancel() // It may be dead and not know it.
        hurry()
    })

    document.addEventListener('hubbub:gone', () => {
        gone = true
        connection?.reader?.cancel()
        hurry()
        tell('')
    })
    // Leaving ends the stream, which is no error where this side ends it first.
    document.addEventListener('submit', ({ target }) => {
        if (target.id === 'leave') connection?.reader?.cancel()
    })

    // The first opening is an ordinary request, which htmx does not repeat when it fails (a proxy's
    // 502 during a restart), and would make for a hidden tab. From then on the extension comes back
    // by itself, with its last event's id.
    const DEADLINE = 20_000 // Milliseconds for an answer to begin, here and whenever it comes back.
    const address = list.getAttribute('hx-sse:connect') // None where a part of the past is shown.
    const open = () => {
        if (!address || opening || gone || list._htmx?.sse) return
        htmx.ajax('GET', address, { source: list, timeout: DEADLINE })
    }
    document.addEventListener('htmx:before:request', (event) => {
        if (!isStream(event)) return
        if (document.hidden || gone) event.preventDefault()
        else opening = true
    })
    const failed = (event) => {
        if (!isStream(event)) return
        opening = false
        lost()
        if (!gone) setTimeout(open, 500 + Math.random() * 1000) // Spread, so that a whole room does not knock at once.
    }
    document.addEventListener('htmx:error', failed)
    document.addEventListener('htmx:response:error', failed)

    // Six connections are all that a browser has for one server over HTTP/1.1, whatever the number
    // of its tabs: a hidden one lets go of its own. It says that it is hidden, to be here all the same.
    const navigation = performance.getEntriesByType?.('navigation')[0]
    const multiplexed = /^h[23]/.test(navigation?.nextHopProtocol)
    htmx.config.sse = { pauseOnBackground: !multiplexed, connectTimeout: DEADLINE }
    htmx.config.defaultTimeout = DEADLINE
    const say = (hidden) => address && !gone && hubbub.beacon(`${location.pathname}/presence`, { hidden })
    let leaving = false // A page that is left is hidden, too, after this.
    document.addEventListener('visibilitychange', () => {
        // Firefox hides a page that is left before it says so: what is left has no next task, and no
        // word that it is hidden, which may overtake the one that it is gone.
        if (document.hidden) return setTimeout(() => document.hidden && !leaving && say(true))
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
})()
