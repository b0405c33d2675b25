/** A few messages fill these: windows, and how long a session between relays may be of no use. */
export const NARROW = { windowFrames: 4, peerWindowFrames: 4, peerIdleMs: 2000 };
