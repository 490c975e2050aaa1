/** A page that fills the window. */
export interface Sheet {
  readonly title: string
  readonly description: string
  readonly style: string
  /** Addresses of modules, the first of them the one to run. */
  readonly scripts: readonly string[]
  readonly body: string
}

export const sheet = ({
  title,
  description,
  style,
  scripts,
  body,
}: Sheet): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>${title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover, interactive-widget=resizes-content">
<meta name="description" content="${description}">
<meta name="theme-color" content="#fbfbfd" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#14171f" media="(prefers-color-scheme: dark)">
<link rel="icon" href="favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="${style}">
${scripts.map((script) => `<link rel="modulepreload" href="${script}">`).join('\n')}
<script type="module" src="${scripts[0]}"></script>
</head>
<body>
${body}
<div class="notices" id="notices" role="status"></div>
<noscript><p class="notice">${title}: this page needs JavaScript.</p></noscript>
</body>
</html>
`
