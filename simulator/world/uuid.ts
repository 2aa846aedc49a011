import type { Random } from '../core/random.ts';

/** A UUIDv7 with reproducible random bits. */
export function uuidV7(nowMs: number, random: Random): string {
  const time = nowMs.toString(16).padStart(12, '0');
  const chance = random.hex(18);
  const variant = random.pick(['8', '9', 'a', 'b']);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${chance.slice(0, 3)}-${variant}${chance.slice(3, 6)}-${chance.slice(6)}`;
}
