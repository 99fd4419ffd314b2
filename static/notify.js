// Notifications of a tab that is not looked at, where one asked for them.
const { $, seq, attempt, browser } = hubbub
const buttons = document.querySelectorAll('[data-notify]')
const room = document.title
const wish = () => window.Notification?.permission === 'granted' && browser.get('notify')
const show = () => {
    for (const button of buttons) {
        button.hidden = !window.Notification // On plain HTTP, but for this machine, no browser has them.
        button.setAttribute('aria-pressed', wish() === button.dataset.notify)
    }
    if (wish()) hold()
}
for (const button of buttons) button.addEventListener('click', async () => {
    const wanted = button.dataset.notify
    const granted = wish() === wanted || (await Notification.requestPermission()) === 'granted'
    $('notify-note').textContent = granted ? '' : 'Your browser does not let this site notify you.'
    if (granted) browser.set('notify', wish() === wanted ? null : wanted)
    show()
})

// A hidden tab lets go of its stream where connections are few. One in a browser keeps it, so that
// there is somebody to hear: the first that can, to its end, and then the next.
let [lock, holds] = [null, false]
hubbub.listens = () => holds && wish()
const hold = () => (lock ??= navigator.locks?.request('hubbub notify', () => {
    holds = true
    hubbub.open?.()
    return new Promise(() => {})
}))

// One for a room: a later one takes the place of the one before.
let [told, shown] = [0, null]
hubbub.notify = (news) => {
    const wanted = news.filter((line) => wish() === 'all' || (wish() && line.matches('.mention')))
    const last = wanted.at(-1)
    if (!last || seq(last) <= told) return
    told = seq(last)
    const more = wanted.length > 1 ? ` (${wanted.length})` : ''
    const body = `${last.dataset.name}: ${last.querySelector('span').textContent}`.slice(0, 200)
    const options = { body, tag: `hubbub ${location.pathname}`, renotify: true }
    // Some phones have them for other programs only.
    shown = attempt(() => new Notification(room + more, options))
    shown?.addEventListener('click', () => (window.focus(), shown.close()))
}
document.addEventListener('visibilitychange', () => document.hidden || shown?.close())
show()
