// The browser's own HLS.
import { begin } from './watch.mjs'

begin((watch, url) => {
  watch.video.src = url
  return {}
})
