/** The server's own sentence in an answer that is an error: `{"error": "..."}` (docs/api.md). */

/** The sentence in the decoded body of an error; null where it says none. */
export function errorOf(told: unknown): string | null {
  const error = typeof told === "object" && told !== null ? (told as { error?: unknown }).error : null;
  return typeof error === "string" && error ? error : null;
}

/** Why an answer is not what was asked for, in one sentence. */
export async function refusalOf(response: Response): Promise<string> {
  const told: unknown = await response.json().catch(() => null);
  return errorOf(told) ?? `the server answered ${response.status} for ${new URL(response.url).pathname}`;
}
