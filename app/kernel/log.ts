/** The logger that the ledger needs; pino's satisfies it. Log ids and reasons only: no amounts, names or secrets. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
