import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { newUuidV7 } from '../../../domain/ids.ts';
import { Problem } from '../../../domain/problem.ts';
import type { Clock } from '../../../kernel/clock.ts';
import { type HttpDependencies, UNMATCHED } from '../http-dependencies.ts';
import { problemDocument } from '../problems.ts';
import type { RefusalLog } from '../refusal-log.ts';

/** The client closed its connection, perhaps in the middle of a request, so no one is left to receive a response. */
const CLIENT_GONE = /^(?:ECONNRESET|EPIPE|HPE_INVALID_EOF_STATE)$/;

interface BrokenRequestDependencies {
  clock: Clock;
  onProblem: HttpDependencies['onProblem'];
  refusals: RefusalLog;
}

/**
 * Answers input that Node.js could not parse as a request, counts and logs it, and closes the connection.
 * @param isAnswering whether an earlier request on the connection is still unanswered; nothing may be sent before that answer
 */
export function refuseBroken(
  error: NodeJS.ErrnoException,
  socket: Socket,
  isAnswering: boolean,
  { clock, onProblem, refusals }: BrokenRequestDependencies,
): void {
  if (CLIENT_GONE.test(error.code ?? '')) {
    socket.destroy();
    return;
  }
  const problem = problemOf(error.code);
  const correlationId = newUuidV7(clock.now());
  onProblem(problem.code);
  refusals.write({ code: problem.code, correlationId, route: UNMATCHED, method: UNMATCHED });
  if (socket.writable && !isAnswering) {
    const body = JSON.stringify(problemDocument(problem, '/', correlationId));
    socket.write(
      `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}\r\nContent-Type: application/problem+json\r\n` +
        `Content-Length: ${Buffer.byteLength(body)}\r\nX-Correlation-Id: ${correlationId}\r\nConnection: close\r\n\r\n${body}`,
    );
  }
  socket.destroy();
}

function problemOf(code: string | undefined): Problem {
  if (code === 'HPE_HEADER_OVERFLOW') return new Problem('headers_too_large', 'The headers must not exceed 16 KiB.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return new Problem('request_timeout', 'The request did not arrive in time. Send it again.');
  }
  return new Problem('validation_failed', 'This is not an HTTP/1.1 request.');
}
