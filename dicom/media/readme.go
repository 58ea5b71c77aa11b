package media

import (
	"strings"
	"time"
)

// readme is README.TXT: what is here, how it is opened and whom it is for, in Russian and English. It tells of no person. Its lines end as
// Windows wants them, and it begins with a mark by which old editors know UTF-8. It is no part of the File-set (PS3.12 V.1.1): a
// File ID has no dot.
func readme(expires time.Time) []byte {
	russian, english := readmeRussian, readmeEnglish
	if !expires.IsZero() {
		at := expires.Format("02.01.2006 15:04 (UTC-07:00)")
		russian += "\nСсылка, по которой получен этот архив, действует до " + at + ".\nСохраните архив, если он понадобится позже.\n"
		at = expires.Format("2 January 2006, 15:04 (UTC-07:00)")
		english += "\nThe link that this archive came from works until " + at + ".\nKeep the archive if you will need it later.\n"
	}
	return []byte("\uFEFF" + strings.ReplaceAll(russian+"\n----\n\n"+english, "\n", "\r\n"))
}

const readmeRussian = `МЕДИЦИНСКИЕ ИЗОБРАЖЕНИЯ

В этом архиве - медицинские изображения и документы в формате DICOM.

Как открыть
1. Распакуйте архив целиком в папку на компьютере. Не открывайте файлы прямо из архива.
2. Запустите программу просмотра DICOM и откройте в ней файл DICOMDIR или всю папку.
   Обычные программы для фотографий эти файлы не открывают. Программы в архиве нет:
   здесь только данные, запускать ничего не нужно.
3. Врачу передайте весь архив или распакованную папку целиком. Не переименовывайте файлы
   в папке DICOM: файл DICOMDIR - их оглавление.

Для кого
Это медицинские данные. Они предназначены пациенту и его лечащему врачу. Не передавайте их
посторонним и не выкладывайте в открытый доступ. Если архив попал к вам по ошибке, удалите
его и сообщите тому, кто его прислал. Изображения не заменяют заключения врача.
`

const readmeEnglish = `MEDICAL IMAGES

This archive holds medical images and documents in the DICOM format.

How to open them
1. Unpack the whole archive into a folder of your computer. Do not open files from within it.
2. Start a DICOM viewer and open the file DICOMDIR in it, or the whole folder. Programs for
   photographs do not open these files. There is no program in the archive: it holds nothing
   but data, and nothing needs to be started.
3. Give a doctor the whole archive or the whole unpacked folder. Do not rename files in the
   folder DICOM: the file DICOMDIR is their table of contents.

Whom they are for
This is medical data, meant for the patient and the treating doctor. Do not pass it on to
others or publish it. If you received it by mistake, delete it and tell whoever sent it.
Images do not replace a doctor's report.
`
