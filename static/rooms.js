// The list of rooms: what the stream says of the others; and up to where this one was read, said by a page
// that is hidden or left.
document.addEventListener('htmx:sse:before:message', ({ detail }) => {
    if (detail.message.event !== 'Unread') return
    detail.cancelled = true
    const { room, unread, mentions = 0 } = JSON.parse(detail.message.data)
    const words = document.querySelector(`#list [data-room="${room}"] small`)
    // One without a number is not this reader's any more.
    if (!words || unread === null) return words?.closest('li').remove()
    const [number, called] = [unread, mentions].map((count) => count > 99 ? '99+' : count)
    words.innerHTML = unread ? `${number}<span> unread</span>${mentions ? `, @${called}` : ''}` : ''
    words.classList.toggle('mention', mentions > 0)
})

let [told, gone] = [hubbub.read(), false]
const say = () => {
    const id = hubbub.read()
    if (id && id !== told && !gone) hubbub.beacon(`${location.pathname}/seen`, { id: (told = id) })
}
document.addEventListener('visibilitychange', () => document.hidden && say())
addEventListener('pagehide', say)
document.addEventListener('hubbub:gone', () => (gone = true))
document.getElementById('leave').addEventListener('submit', () => (say(), (gone = true)))
