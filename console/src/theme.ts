// Dark or light: as the device has it until somebody chooses.
import { applyMode, Mode } from '@cloudscape-design/global-styles'

const place = 'openivs-theme'

export function isDark(): boolean {
  // eslint-disable-next-line no-restricted-globals -- a choice of colours is no secret
  const chosen = localStorage.getItem(place)
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
}

export function setDark(dark: boolean) {
  // eslint-disable-next-line no-restricted-globals -- a choice of colours is no secret
  localStorage.setItem(place, dark ? 'dark' : 'light')
  applyMode(dark ? Mode.Dark : Mode.Light)
}

export function applyTheme() {
  applyMode(isDark() ? Mode.Dark : Mode.Light)
}
