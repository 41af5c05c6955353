package sbom

import (
	"reflect"
	"strings"
	"unicode"

	"github.com/spdx/tools-golang/spdx"
)

// plain takes out of all texts of the document what would end their value in the tag-value
// format: texts come from the image, the format has no escape, and the library writes them
// as they are. A line break stays where the library puts the value between text tags.
// https://spdx.github.io/spdx-spec/v2.3/conformance/#44-standard-data-format-requirements
func plain(doc *spdx.Document) { plainValue(reflect.ValueOf(doc), false) }

func plainValue(v reflect.Value, long bool) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			plainValue(v.Elem(), long)
		}
	case reflect.Slice:
		for i := range v.Len() {
			plainValue(v.Index(i), long)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if field := v.Type().Field(i); field.IsExported() {
				plainValue(v.Field(i), longText[field.Name])
			}
		}
	case reflect.String:
		v.SetString(plainText(v.String(), long))
	default: // numbers and flags
	}
}

// longText has the fields that the library puts between text tags, of those that are used.
var longText = map[string]bool{
	"CreatorComment": true, "DocumentComment": true, "ExtractedText": true, "FileComment": true, "FileCopyrightText": true,
	"PackageCopyrightText": true, "PackageDescription": true, "PackageSourceInfo": true, "PackageSummary": true,
	"RelationshipComment": true,
}

var textTags = strings.NewReplacer("<text>", "< text>", "</text>", "< /text>", "\r\n", "\n")

func plainText(text string, long bool) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && (r != '\n' || !long) {
			return ' '
		}
		return r
	}, textTags.Replace(text))
}
