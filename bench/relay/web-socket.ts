/** WebSocket frames as a client writes and reads them (RFC 6455): one frame per message, masked with zeros as on the loopback. */
export const BINARY = 0x82;
export const TEXT = 0x81;
const CLOSE = 0x88;
const MASKED = 0x80;
const MASK_BYTES = 4;

/** Writes the header of a message of so many bytes and gives the offset behind it. */
export function putHeader(buffer: Buffer, at: number, length: number, kind: number = BINARY): number {
  buffer[at] = kind;
  const behind = putLength(buffer, at + 1, length);
  buffer.fill(0, behind, behind + MASK_BYTES);
  return behind + MASK_BYTES;
}

/** Bytes of that header. */
export function headerBytes(length: number): number {
  return 2 + (length < 126 ? 0 : length < 65_536 ? 2 : 8) + MASK_BYTES;
}

function putLength(buffer: Buffer, at: number, length: number): number {
  if (length < 126) {
    buffer[at] = MASKED | length;
    return at + 1;
  }
  if (length < 65_536) {
    buffer[at] = MASKED | 126;
    buffer.writeUInt16BE(length, at + 1);
    return at + 3;
  }
  buffer[at] = MASKED | 127;
  buffer.writeUInt32BE(0, at + 1);
  buffer.writeUInt32BE(length, at + 5);
  return at + 9;
}

export interface MessageHeader {
  readonly payloadAt: number;
  readonly length: number;
}

/** The header of what a server sends; `undefined` while it is not there whole. */
export function readHeader(bytes: Buffer, at: number, end: number): MessageHeader | undefined {
  if (end - at < 2) return undefined;
  if (bytes[at] === CLOSE) throw new Error("the server closed a WebSocket");
  if (bytes[at] !== BINARY && bytes[at] !== TEXT) throw new Error(`a WebSocket frame of kind ${bytes[at]} came`);
  const short = bytes[at + 1] as number;
  if (short < 126) return { payloadAt: at + 2, length: short };
  const [payloadAt, size] = short === 126 ? [at + 4, 2] : [at + 10, 8];
  if (payloadAt > end) return undefined;
  return { payloadAt, length: bytes.readUIntBE(payloadAt - Math.min(size, 6), Math.min(size, 6)) };
}
