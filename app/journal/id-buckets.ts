import { uuidV7Time } from '../domain/ids.ts';

/**
 * How much UUIDv7 time one bucket of ids spans, ms. A constant rather than a setting: two pods that disagreed would
 * look for the same id in different buckets, and apply it twice.
 */
export const ID_BUCKET_MS = 10_000;

/** Where Redis stores an id: in the bucket of its UUIDv7 time, or (`bucket` null) among the other ids. */
export interface IdPlace {
  bucket: number | null;
  /** UUIDv7 time in ms; 0 for other ids. */
  time: number;
}

export function placeOf(id: string): IdPlace {
  const time = uuidV7Time(id);
  return time === null ? { bucket: null, time: 0 } : { bucket: Math.floor(time / ID_BUCKET_MS), time };
}

/** The last ms of a bucket: the value of M after the bucket is forgotten. */
export const bucketEnd = (bucket: number): number => (bucket + 1) * ID_BUCKET_MS - 1;
