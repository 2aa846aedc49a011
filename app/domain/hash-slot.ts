/** Redis Cluster distributes its keys over this many slots. Holdfast uses the same slots to distribute accounts. */
export const SLOTS = 16_384;

const POLYNOMIAL = 0x1021;
const REMAINDERS = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ (crc & 0x8000 ? POLYNOMIAL : 0);
  return crc;
});

/**
 * The slot of a key: CRC-16/XMODEM modulo 16384, as in the specification of Redis Cluster. The slot is that of the whole text:
 * braces have no special meaning here.
 * @param key ASCII
 */
export function hashSlot(key: string): number {
  let crc = 0;
  for (let at = 0; at < key.length; at++) {
    crc = ((crc << 8) & 0xffff) ^ (REMAINDERS[((crc >> 8) ^ key.charCodeAt(at)) & 0xff] ?? 0);
  }
  return crc % SLOTS;
}

/** The shard to which a slot belongs: each of the shards has a contiguous range of slots. */
export function shardOfSlot(slot: number, shards: number): number {
  return Math.floor((slot * shards) / SLOTS);
}
