// Under which key a text is sent.
const { room, who, tab: shelf } = hubbub
const me = who(document.querySelector('main'))

// A key belongs to one draft of one live page: the one that a page comes with may be an old one,
// from the browser's cache.
const hex = (number, length) => number.toString(16).padStart(length, '0')
const fresh = () => {
    const random = crypto.getRandomValues(new Uint8Array(10))
    return hex(Date.now(), 12) + [...random].map((byte) => hex(byte, 2)).join('')
}

// Texts that were sent without a word of what became of them, and under which key: sent again, each
// is still the same message; another text is another one. While a page lives they are its own.
// A copy of the tab gets what is on the shelf, so they lie there only from its end to its return.
let unsure = new Map()
const plain = (text) => text.replaceAll('\r\n', '\n').trim()
const take = () => {
    const left = shelf.get(`${room} unsure`)
    shelf.set(`${room} unsure`, null)
    if (left?.name === me) unsure = new Map([...left.texts, ...unsure])
}
take()
addEventListener('pageshow', take)
addEventListener('pagehide', () => {
    if (unsure.size) shelf.set(`${room} unsure`, { name: me, texts: [...unsure] })
})

hubbub.keys = {
    plain,
    of(text) {
        if (!unsure.has(plain(text))) unsure.set(plain(text), fresh())
        return unsure.get(plain(text))
    },
    took: () => unsure.clear(),
    refused: (text) => unsure.delete(plain(text)),
}
