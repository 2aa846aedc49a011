import { PROBLEMS, type ProblemCode } from '../../domain/problem.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { ApiLogger } from './http-dependencies.ts';

/** The fields of a log line about a refused request: ids and our own words, never what the client sent. */
export interface RefusedRequest {
  code: ProblemCode;
  correlationId: string;
  /** Absent when the request was refused before its caller was known. */
  user?: string;
  /** The pattern of the route, or a fixed word when no route matched: never the path. */
  route: string;
  method: string;
  detail?: string;
}

/** Lines per second and code. Further refusals are only counted, so that nobody can flood the log. */
const LINES_PER_SECOND = 10;
const WINDOW_MS = 1_000;

/** Refusals that say something about the caller or about this service; the others are routine for an API. */
const WARNINGS: ReadonlySet<ProblemCode> = new Set(['unauthenticated', 'forbidden', 'rate_limited']);

interface Window {
  lines: number;
  suppressed: number;
}

/** Logs every refused request while there are few; of many with the same code, a sample and their number. */
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
