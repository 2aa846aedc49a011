import { PROBLEMS, type ProblemCode } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ApiLogger } from './http-dependencies.ts';

/** The fields of a log line about a rejected request: ids and our own words, never what the client sent. */
export interface RefusedRequest {
  code: ProblemCode;
  correlationId: string;
  /** Absent if the request was rejected before its caller was identified. */
  user?: string;
  /** The pattern of the route, or a fixed word if no route matched: never the path. */
  route: string;
  method: string;
  detail?: string;
}

/**
 * Maximum number of lines per second for each code. Further rejections are only counted, so that no client can flood
 * the log.
 */
const LINES_PER_SECOND = 10;
const WINDOW_MS = 1_000;

/** Rejections that indicate a problem with the caller or this service; the others are routine for an API. */
const WARNINGS: ReadonlySet<ProblemCode> = new Set(['unauthenticated', 'forbidden', 'rate_limited']);

interface Window {
  lines: number;
  suppressed: number;
}

/** Logs every rejected request while there are few; otherwise logs a sample per code, and the number of the rest. */
export class RefusalLog {
  readonly #logger: ApiLogger;
  readonly #clock: Clock;
  /** Codes with lines in the current second. */
  readonly #windows = new Map<ProblemCode, Window>();

  constructor(logger: ApiLogger, clock: Clock) {
    this.#logger = logger;
    this.#clock = clock;
  }

  write(refused: RefusedRequest): void {
    const { code } = refused;
    const window = this.#window(code);
    if (window.lines >= LINES_PER_SECOND) {
      window.suppressed += 1;
      return;
    }
    window.lines += 1;
    this.#log(code, { ...refused, status: PROBLEMS[code].status }, 'request refused');
  }

  #window(code: ProblemCode): Window {
    const current = this.#windows.get(code);
    if (current) return current;
    const window = { lines: 0, suppressed: 0 };
    this.#windows.set(code, window);
    this.#clock.after(WINDOW_MS, () => {
      this.#windows.delete(code);
      if (window.suppressed > 0)
        this.#log(code, { code, suppressed: window.suppressed }, 'refused requests not logged');
    });
    return window;
  }

  #log(code: ProblemCode, fields: object, message: string): void {
    const isWarning = PROBLEMS[code].status >= 500 || WARNINGS.has(code);
    if (isWarning) this.#logger.warn(fields, message);
    else this.#logger.info(fields, message);
  }
}
