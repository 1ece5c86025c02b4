// What the events of a stream session mean, in the words for people that the API
// itself does not have (Amazon IVS: StreamEvent, its codes, and EventBridge).

export type Meaning = { text: string; kind: 'info' | 'success' | 'warning' | 'error'; cure?: string }

const names: Record<string, Meaning> = {
  'Session Created': { kind: 'info', text: 'The stream key was accepted and the session began; no picture has been looked at yet.' },
  'Stream Start': { kind: 'success', text: 'The stream is live: there are segments that viewers can play.' },
  'Session Ended': { kind: 'info', text: 'The encoder has gone; no more media arrives. What came before is still brought to its end.' },
  'Stream End': { kind: 'info', text: 'The stream is over: there will be no more segments.' },
  'Stream Failure': { kind: 'error', text: 'The stream could not be processed.', cure: 'The server has no capacity left to make renditions: give it more cores, or use the channel type Basic.' },
  'Stream Takeover': { kind: 'info', text: 'Another encoder took the running stream over; viewers noticed nothing.' },
  'Stream Takeover Failure': { kind: 'error', text: 'Another encoder tried to take the stream over and was refused; the first one went on.' },
  'Starvation Start': { kind: 'warning', text: 'Less than half of the media that should arrive did, for five seconds. Viewers may see the picture stop.', cure: 'Look at the line between encoder and server; lower the bitrate of the encoder.' },
  'Starvation End': { kind: 'success', text: 'Media arrives in time again.' },
  'Ingest Bitrate': { kind: 'error', text: 'The encoder sent more bits per second than the channel type takes, for ten seconds; the stream was ended.', cure: 'Lower the bitrate of the encoder, or choose another channel type.' },
  'Ingest Resolution': { kind: 'error', text: 'The picture is larger than the channel type takes; the stream was ended.', cure: 'Send a smaller picture, or choose another channel type.' },
  'Concurrent Broadcasts': { kind: 'error', text: 'As many streams were live as the server allows; this one was refused.', cure: 'End another stream, or raise quota-concurrent-streams.' },
  'Concurrent Viewers': { kind: 'warning', text: 'As many viewers watched as the server allows; more were turned away.', cure: 'Raise max-viewers if the machine can take it.' },
  'Recording Start': { kind: 'success', text: 'The recording began.' },
  'Recording End': { kind: 'success', text: 'The recording is complete.' },
  'Recording Start Failure': { kind: 'error', text: 'The stream was live, but nothing could be recorded.', cure: 'See that the bucket exists and that the server may write to it.' },
  'Recording End Failure': { kind: 'error', text: 'The recording stopped with an error; parts of it may be there.', cure: 'Look into the log of the server and at the bucket.' },
  'Ad Break Inserted': { kind: 'info', text: 'An ad break was placed in the playlists.' },
}

const codes: Record<string, Omit<Meaning, 'kind'>> = {
  MultitrackInputNotAllowed: { text: 'The encoder sent several video tracks, and the channel does not take them.', cure: 'Turn multitrack input on for the channel, or off in the encoder.' },
  MultitrackInputRequired: { text: 'The encoder sent one video track, and the channel requires multitrack input.', cure: 'Turn multitrack video on in the encoder, or change the policy of the channel to allow one track.' },
  InvalidGetClientConfigurationStreamKey: { text: 'The stream key from GetClientConfiguration is invalid, damaged or has expired.', cure: 'Start the stream anew in the encoder: it then asks for another configuration.' },
  GetClientConfigurationStreamKeyRequired: { text: 'The encoder sent several tracks with a plain stream key.', cure: 'Let the encoder ask for its configuration (OBS: Enhanced Broadcasting), whose key says what may be sent.' },
  InvalidMultitrackInputTrackCount: { text: 'The encoder sent another number of tracks than its configuration says.', cure: 'Do not change tracks in the encoder; start the stream anew.' },
  InvalidMultitrackInputVideoTrackMediaProperties: { text: 'Codec, size, bitrate or frame rate of a track differ from its configuration.', cure: 'Do not change the settings that the configuration gave the encoder; start the stream anew.' },
  StreamTakeoverMediaMismatch: { text: 'The new encoder sent another codec, size or kind of video track than the running stream.', cure: 'Give both encoders the same settings.' },
  StreamTakeoverInvalidPriority: { text: 'The priority of the new encoder was not higher than that of the running stream, or not from 1 to 2147483647.', cure: 'Raise the priority in the stream key of the encoder that is to take over.' },
  StreamTakeoverLimitBreached: { text: 'This stream was taken over as often as it may be (100 times).', cure: 'End the stream and begin another.' },
}

/** Says what an event means, with its code if it has one. */
export function meaning(name: string | undefined, code?: string): Meaning {
  const event = names[name ?? ''] ?? { kind: 'info' as const, text: 'This version of the console does not know this event.' }
  if (!code) return event
  const why = codes[code] ?? { text: `The server gave the code ${code}, which this version of the console does not know.` }
  return { kind: 'error', text: `${event.text} ${why.text}`, cure: why.cure }
}

export const knownCodes = Object.keys(codes)
export const knownEvents = Object.keys(names)
