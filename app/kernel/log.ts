/** What the ledger needs of a logger; pino's is one. Ids and reasons only: no amounts, no names, no secrets. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
