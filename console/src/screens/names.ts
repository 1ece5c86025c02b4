// What names of resources may be (Amazon IVS: 128 letters, digits, hyphens and underscores).

/** Says what is wrong with a name; undefined if nothing is. */
export function nameTrouble(name: string): string | undefined {
  if (name.length > 128) return `A name has at most 128 characters, not ${name.length}.`
  if (!/^[a-zA-Z0-9_-]*$/.test(name)) return 'A name has letters, digits, hyphens and underscores only.'
  return undefined
}
