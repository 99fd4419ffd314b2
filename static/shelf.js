// What a browser may refuse, and nothing depends on.
const attempt = (access) => {
    try {
        return access()
    } catch {
        return null
    }
}
// What outlives the page, where the browser lets it: blocked, even a look at it throws.
const shelf = (store) => ({
    get: (key) => attempt(() => JSON.parse(window[store].getItem(key))),
    set: (key, value) => attempt(() => window[store].setItem(key, JSON.stringify(value))),
})
window.hubbub = { ...window.hubbub, attempt, tab: shelf('sessionStorage'), browser: shelf('localStorage') }

// A text as the server takes it.
hubbub.plain = (text) => text.replaceAll('\r\n', '\n').trim()
