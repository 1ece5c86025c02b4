// hls.js in a video element. Loaded when the first picture is wanted.
import Hls from 'hls.js'
import { useEffect, useRef } from 'react'
import { texts } from './id3'
import type { Seen } from './preview'

const again = 2000 // milliseconds before a stream that is not there is asked for again
const kept = 50 // pieces of metadata that are shown

export function Player({ src, seen, recorded = false }: { src: string; seen: (s: Seen) => void; recorded?: boolean }) {
  const video = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    const element = video.current!
    const now: Seen = { state: 'Loading…', metadata: [] }
    const tell = (change: Partial<Seen>) => seen(Object.assign(now, change) && { ...now })
    const hls = new Hls({ lowLatencyMode: !recorded })
    let timer: ReturnType<typeof setTimeout> | undefined
    hls.on(Hls.Events.ERROR, (_, data) => {
      if (!data.fatal) return
      const status = data.response?.code
      tell({ state: status === 403 ? 'Refused: the token or a policy does not let this page in' : status === 404 ? 'Offline' : 'Trying again…' })
      if (status === 403) return
      clearTimeout(timer)
      timer = setTimeout(() => (data.type === Hls.ErrorTypes.MEDIA_ERROR ? hls.recoverMediaError() : hls.loadSource(src)), again)
    })
    hls.on(Hls.Events.FRAG_PARSING_METADATA, (_, data) => {
      for (const sample of data.samples) {
        const found = texts(sample.data)
        if (found.length) tell({ metadata: [...found, ...now.metadata].slice(0, kept) })
      }
    })
    hls.attachMedia(element)
    hls.loadSource(src)
    const watch = setInterval(() => {
      const playing = !element.paused && element.readyState > 2
      tell({
        ...(playing && { state: 'Playing' }),
        ...(element.ended && { state: 'Played to the end' }),
        latency: playing && !recorded && hls.latency > 0 ? hls.latency : undefined,
        size: element.videoWidth ? `${element.videoWidth} × ${element.videoHeight}` : undefined,
        dropped: element.getVideoPlaybackQuality?.().droppedVideoFrames,
      })
    }, 1000)
    return () => {
      clearTimeout(timer)
      clearInterval(watch)
      hls.destroy()
    }
    // eslint-disable-next-line react-hooks/exhaustive-deps -- seen is a setter
  }, [src, recorded])
  return <video ref={video} aria-label={recorded ? 'Recorded picture' : 'Live picture'} muted autoPlay playsInline controls />
}
