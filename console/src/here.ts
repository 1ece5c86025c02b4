// Which server this page is of.

function meta(name: string): string {
  return document.querySelector<HTMLMetaElement>(`meta[name="openivs-${name}"]`)?.content ?? ''
}

export const region = meta('region')
export const account = meta('account')

/** The ARN of a resource of this server; an id of * stands for all of a kind. */
export function arnOf(kind: string, id: string): string {
  return `arn:aws:ivs:${region}:${account}:${kind}/${id}`
}

/** The id that ends an ARN. */
export function idOf(arn: string | undefined): string {
  return (arn ?? '').slice((arn ?? '').lastIndexOf('/') + 1)
}
