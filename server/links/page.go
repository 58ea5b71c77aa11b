package links

import (
	"html/template"
	"net/url"
)

// page is what somebody who opens a link sees. Nothing in it is about a person.
type page struct {
	Gone, Later, Locked bool
	Action              string // of the form
	File                string // relative URL of the download
	Expires             string
}

var pages = template.Must(template.New("").Parse(`<!doctype html>
<html lang="ru">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>Снимки / Images</title>
<style>body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:3rem auto;padding:0 1rem}a,button{display:inline-block;padding:.6rem 1.2rem;border:0;border-radius:.4rem;background:#0b57d0;color:#fff;font:inherit;text-decoration:none}input{font:inherit;padding:.5rem;margin-right:.5rem}.en{color:#555}</style>
{{- if .Gone}}
<h1>Ссылка не действует</h1>
<p>Срок истёк, или ссылку отозвали. Попросите новую там, где получили эту.
<p class="en" lang="en">This link does not hold any more, or never did. Ask for a new one where you got it.
{{- else if .Later}}
<h1>Попробуйте позже</h1>
<p class="en" lang="en">This does not work right now. Please try again soon.
{{- else if .Locked}}
<h1>Код доступа</h1>
<form method="post" action="{{.Action}}"><label>Код <span class="en" lang="en">(passcode)</span>: <input name="passcode" type="password" autocomplete="off" required></label><button>Открыть / Open</button></form>
{{- else}}
<h1>Снимки исследования</h1>
<p><a href="{{.File}}" download>Скачать / Download (ZIP)</a>
<p>Архив содержит снимки в формате DICOM для врача. Ссылка действует до {{.Expires}}.
<p class="en" lang="en">The archive has the images as DICOM, for a doctor. The link holds until {{.Expires}}.
{{- end}}
</html>
`))

func unescaped(text string) string {
	plain, err := url.QueryUnescape(text)
	if err != nil {
		return ""
	}
	return plain
}
