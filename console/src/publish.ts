// Addresses that encoders publish to, in the forms that encoders want.
import type { Channel } from '@aws-sdk/client-ivs'

type Endpoints = { rtmp?: string; rtmps?: string; srt?: string } | undefined

/** Where a channel is published to. The server knows its ports; ingestEndpoint is
 *  its name alone, and clients of Amazon IVS add the usual ports themselves. */
export function addresses(channel: Pick<Channel, 'ingestEndpoint'>, endpoints: Endpoints) {
  const host = channel.ingestEndpoint ?? location.hostname
  return {
    rtmps: endpoints?.rtmps ?? `rtmps://${host}:443/app`,
    rtmp: endpoints?.rtmp ?? `rtmp://${host}:1935/app`,
    srt: endpoints?.srt ?? '', // there unless the server has no such door
  }
}

/** A command that publishes a film as it is. */
export function ffmpeg(rtmps: string, key: string): string {
  return `ffmpeg -re -i FILM.mp4 -c:v libx264 -preset veryfast -g 60 -b:v 3000k -pix_fmt yuv420p -c:a aac -f flv "${rtmps}/${key}"`
}

/** The SRT address, as ffmpeg and OBS take it. */
export function srtUrl(endpoint: string, key: string, passphrase?: string): string {
  const base = endpoint.startsWith('srt://') ? endpoint : 'srt://' + endpoint
  return `${base}?streamid=${encodeURIComponent(key)}` + (passphrase ? `&passphrase=${encodeURIComponent(passphrase)}` : '')
}
