import type { Logger } from '../log.ts';

export interface LogLine {
  level: 'info' | 'warn' | 'error';
  fields: Record<string, unknown>;
  message: string;
}

/** A logger that records its lines. */
export function keptLog(): Logger & { lines: LogLine[]; messages(level: LogLine['level']): string[] } {
  const lines: LogLine[] = [];
  const keep = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields: { ...fields }, message });
  return {
    lines,
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    messages: (level) => lines.filter((line) => line.level === level).map(({ message }) => message),
  };
}
