// Under which key a text is sent.
(() => {
    const shelf = window.hubbub.tab
    const room = location.pathname.replace(/\/tabs\/.*/, '')
    const { name, mark = '' } = document.querySelector('main').dataset
    const me = `${name}\n${mark}`

    // A key belongs to one draft of one live page: the one that a page comes with may be an old one,
    // from the browser's cache.
    const hex = (number, length) => number.toString(16).padStart(length, '0')
    const fresh = () => {
        const random = new Uint8Array(10)
        if (window.crypto?.getRandomValues) crypto.getRandomValues(random)
        else random.forEach((_, at) => (random[at] = Math.random() * 256))
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
    const leave = () => {
        if (unsure.size) shelf.set(`${room} unsure`, { name: me, texts: [...unsure] })
    }
    take()
    addEventListener('pagehide', leave)
    addEventListener('pageshow', ({ persisted }) => persisted && take())

    window.hubbub.keys = {
        plain,
        of: (text) => unsure.get(plain(text)) ?? fresh(),
        sent: (text, key) => unsure.set(plain(text), key),
        took: () => unsure.clear(),
        refused: (text) => unsure.delete(plain(text)),
    }
})()
