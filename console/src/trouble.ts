// What went wrong, in words that say what to do.

/** An error that a server answered, whichever of its APIs it was. */
export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly status: number,
    message: string,
  ) {
    super(message)
    this.name = code
  }
}

export type Trouble = { title: string; advice: string; detail?: string; signOut?: boolean }

const known: Record<string, Omit<Trouble, 'detail'>> = {
  UnrecognizedClientException: {
    title: 'The server does not know this access key',
    advice: 'See that the access key ID is complete, and that the key was not disabled or deleted: openivs credentials list.',
    signOut: true,
  },
  InvalidSignatureException: {
    title: 'The secret access key is wrong',
    advice: 'Copy the whole secret again. If it is lost, make another key: openivs credentials create.',
    signOut: true,
  },
  SignatureDoesNotMatch: {
    title: 'The secret access key is wrong',
    advice: 'Copy the whole secret again. If it is lost, make another key: openivs credentials create.',
    signOut: true,
  },
  ExpiredTokenException: {
    title: 'The session is over',
    advice: 'Temporary keys end by themselves. Sign in again, or run openivs console.',
    signOut: true,
  },
  MissingAuthenticationTokenException: { title: 'The request was not signed', advice: 'Sign in again.', signOut: true },
  AccessDeniedException: {
    title: 'This access key may not do that',
    advice: 'Ask whoever looks after the server for a key whose policy allows the action below.',
  },
  Denied: {
    title: 'This access key may not do that',
    advice: 'Ask whoever looks after the server for a key whose policy allows the action below.',
  },
  ThrottlingException: { title: 'That came too often', advice: 'Wait a few seconds, then try again.' },
  ResourceNotFoundException: { title: 'There is no such thing any more', advice: 'It may have been deleted meanwhile. Go back to the list.' },
  NotFound: { title: 'There is no such thing any more', advice: 'It may have been deleted meanwhile. Go back to the list.' },
  ChannelNotBroadcasting: { title: 'The channel is offline', advice: 'Start the encoder, wait until the channel is live, then try again.' },
  ConflictException: { title: 'Something is in the way', advice: 'Read below what it is; end or remove that first.' },
  Conflict: { title: 'Something is in the way', advice: 'Read below what it is; end or remove that first.' },
  ServiceQuotaExceededException: {
    title: 'There may be no more of these',
    advice: 'Delete one that is not needed, or raise the quota in the settings of the server.',
  },
  ValidationException: { title: 'The server cannot take it like this', advice: 'Correct what is said below.' },
  Invalid: { title: 'The server cannot take it like this', advice: 'Correct what is said below.' },
  PendingVerification: { title: 'That is not ready yet', advice: 'Wait a moment, then try again.' },
}

/** Says of an error what it means and what helps. */
export function explain(err: unknown): Trouble {
  const name = err instanceof Error ? err.name : ''
  const message = err instanceof Error ? err.message : String(err)
  if (/Signature (expired|not yet current)/i.test(message)) {
    return { title: 'The clocks differ', advice: 'This device or the server has the wrong time: set both by a time server.', detail: message }
  }
  const found = known[name]
  if (found) return { ...found, detail: message }
  if (err instanceof TypeError || name === 'NetworkError' || name === 'TimeoutError') {
    return { title: 'The server cannot be reached', advice: 'See that it runs and that this device is online. The page tries again by itself.', detail: message }
  }
  return { title: 'Something failed', advice: 'Try again. If it stays, look into the log of the server.', detail: message }
}
