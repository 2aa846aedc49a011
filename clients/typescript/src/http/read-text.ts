/** More than any answer of the service: 1000 outcomes take about one MiB, a page of history a few. */
export const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** The content as text. @throws Error if it is longer than `ANSWER_BYTES_MAX`, or is cut off */
export async function readText(response: Response, bytesMax = ANSWER_BYTES_MAX): Promise<string> {
  if (response.body === null) return '';
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let bytes = 0;
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text + decoder.decode();
    bytes += value.byteLength;
    if (bytes > bytesMax) {
      await reader.cancel();
      throw new Error(`the answer has more than ${bytesMax} bytes`);
    }
    text += decoder.decode(value, { stream: true });
  }
}
