// The keys somebody signed in with. They live as long as their tab.

export type Keys = { accessKeyId: string; secretAccessKey: string; sessionToken?: string }

const place = 'openivs-keys'

export function savedKeys(): Keys | null {
  try {
    const keys = JSON.parse(sessionStorage.getItem(place) ?? 'null') as Keys | null
    return keys?.accessKeyId && keys.secretAccessKey ? keys : null
  } catch {
    return null
  }
}

export function saveKeys(keys: Keys | null) {
  if (keys) sessionStorage.setItem(place, JSON.stringify(keys))
  else sessionStorage.removeItem(place)
}
