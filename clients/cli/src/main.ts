#!/usr/bin/env node
import { homedir } from 'node:os';
import { givenArguments } from '../../../app/config/command-line.mjs';
import { run } from './run.ts';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort(new Error('interrupted')));
process.once('SIGTERM', () => stop.abort(new Error('terminated')));
// The reader of a pipe, such as `head`, may close it early. The exit code still reports the result of the command.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? (process.exitCode ?? 0) : 1);
});

process.exitCode = await run(givenArguments(), {
  env: process.env,
  home: homedir(),
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  signal: stop.signal,
});
