// What Node 20 lacks; the build puts it where the sources call the built-in.

export function withResolvers() {
  let resolve
  let reject
  const promise = new Promise((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

export function parseUrl(url, base) {
  try {
    return new URL(url, base)
  } catch {
    return null
  }
}
