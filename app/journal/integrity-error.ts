/** The journal contradicts itself or an earlier state: none of it may be written. */
export class IntegrityError extends Error {
  override readonly name = 'IntegrityError';
}
