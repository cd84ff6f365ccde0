// Names for things that are made here. `crypto.randomUUID` is not there on a page that came by plain HTTP from another machine.

export function randomId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}
