// Notifications of a tab that is not looked at, where one asked for them.
(() => {
    const { browser } = hubbub
    const buttons = document.querySelectorAll('[data-notify]')
    const note = document.getElementById('notify-note')
    const room = document.title
    // On plain HTTP, but for this machine, no browser has them.
    if (!window.Notification) return buttons.forEach((button) => (button.hidden = true))
    const wish = () => Notification.permission === 'granted' && browser.get('notify')
    const show = () => {
        buttons.forEach((button) => button.setAttribute('aria-pressed', wish() === button.dataset.notify))
        if (wish()) hold()
        else release()
    }
    document.addEventListener('click', async ({ target }) => {
        const wanted = target.closest('[data-notify]')?.dataset.notify
        if (!wanted) return
        const granted = wish() === wanted || (await Notification.requestPermission()) === 'granted'
        note.textContent = granted ? '' : 'Your browser does not let this site notify you.'
        if (granted) browser.set('notify', wish() === wanted ? null : wanted)
        show()
    })

    // A hidden tab lets go of its stream where connections are few. One in a browser keeps it, so that
    // there is somebody to hear: the first that can, and when that is closed the next.
    let [holds, connection, done] = [false, null, null]
    const keep = () => holds && connection && document.removeEventListener('visibilitychange', connection.visibilityHandler)
    const hold = () => {
        if (done) return
        navigator.locks?.request('hubbub notify', () => {
            if (!wish()) return (done = null)
            holds = true
            keep()
            return new Promise((end) => (done = end))
        })
        done = () => {}
    }
    const release = () => {
        done?.()
        if (holds && connection?.visibilityHandler) document.addEventListener('visibilitychange', connection.visibilityHandler)
        holds = false
        done = null
    }
    document.addEventListener('htmx:sse:before:connection', ({ detail }) => {
        connection = detail.connection
        keep()
    })

    // One for a room: a later one takes the place of the one before.
    let [told, shown] = [0, null]
    hubbub.notify = (news) => {
        const wanted = news.filter((line) => wish() === 'all' || (wish() && line.matches('.mention')))
        const last = wanted.at(-1)
        const seq = last && Number(last.id.slice(1))
        if (!(seq > told)) return
        told = seq
        const more = wanted.length > 1 ? ` (${wanted.length})` : ''
        const body = `${last.dataset.name}: ${last.querySelector('span').textContent}`.slice(0, 200)
        try {
            shown = new Notification(room + more, { body, tag: `hubbub ${location.pathname}`, renotify: true })
            shown.onclick = () => (window.focus(), shown.close())
        } catch { /* Some phones have them for other programs only. */ }
    }
    document.addEventListener('visibilitychange', () => document.hidden || shown?.close())
    show()
})()
