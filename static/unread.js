// What is new: a number in the title, a line where one left off, and a button that leads to it.
const { $, lines, seq, scroller, atEnd, anchors, trim } = hubbub
const title = document.title

// New is what came since the end of the list was last before somebody's eyes. While the page
// catches up (its list announces nothing), that end stays where it was, so that the reader is
// shown the first message that was missed, and not the last.
let seen = Number($('messages').dataset.seen ?? NaN)
let [left, wasBehind] = [seen, false]
const since = (end, all) => all.filter((line) => seq(line) > end && !line.matches('.own'))
hubbub.newMessages = (number) => `${number} new message${number === 1 ? '' : 's'}`
// What was put there before is left alone, whatever a translation has made of it.
const put = (where, text) => {
    if (where.said === text) return
    where.textContent = where.said = text
}
// Up to which one this reader has read.
hubbub.read = () => lines().filter((line) => seq(line) <= seen).at(-1)?.dataset.key
const divide = (line) => {
    document.querySelector('.message.unread')?.classList.remove('unread')
    line?.classList.add('unread')
}
hubbub.look = () => {
    const all = lines()
    // Where one left off before this page may be among what is older.
    if (left !== null) {
        const [first] = since(left, all)
        divide(first)
        if (first !== all[0] || !document.querySelector('#messages > .older')) left = null
    }
    const behind = document.querySelector('.log').getAttribute('aria-live') === 'off'
    if (wasBehind && !behind && atEnd()) since(seen, all)[0]?.scrollIntoView({ block: 'start' })
    wasBehind = behind
    const end = all.length ? seq(all.at(-1)) : 0
    const foreign = all.length && !(end >= seen) // Another journal counts anew.
    if (foreign || (!document.hidden && !behind && atEnd())) seen = end
    const news = since(seen, all)
    if (news.length && $('newest').hidden) {
        left = null
        divide(news[0])
    }
    const mentions = news.filter((line) => line.matches('.mention')).length
    const number = mentions ? `${news.length}, @${mentions}` : news.length
    put(document.querySelector('title'), news.length ? `(${number}) ${title}` : title)
    put($('newest'), hubbub.newMessages(news.length))
    $('newest').hidden = !news.length
    if (document.hidden) hubbub.notify?.(news)
    trim(all)
}
document.addEventListener('visibilitychange', hubbub.look)
$('newest').addEventListener('click', () => {
    const still = !anchors || window.matchMedia?.('(prefers-reduced-motion: reduce)')?.matches
    scroller().scrollTo({ top: 0, behavior: still ? 'instant' : 'smooth' })
    $('text').focus()
})
hubbub.look()
