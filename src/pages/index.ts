/** What `GET /` serves. (First step: the whiteboard follows.) */
export interface PublicPage {
  readonly contentType: string
  readonly body: Uint8Array | string
  readonly headers?: Readonly<Record<string, string>>
}

export function pages(_options: { readonly whiteboard: boolean }): ReadonlyMap<string, PublicPage> {
  const body = '<!doctype html><title>Lengthwise</title><p>Lengthwise is running.'
  return new Map([['/', { contentType: 'text/html; charset=utf-8', body }]])
}
