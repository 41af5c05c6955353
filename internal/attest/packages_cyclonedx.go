package attest

import "encoding/json"

// component is what is read of a component of CycloneDX.
// Source: https://cyclonedx.org/docs/1.6/json/#components
type component struct {
	Type       string             `json:"type"`
	Ref        string             `json:"bom-ref"`
	Group      string             `json:"group"`
	Name       string             `json:"name"`
	Version    string             `json:"version"`
	URL        string             `json:"purl"`
	Licenses   []componentLicense `json:"licenses"`
	Components []*component       `json:"components"`
}

// componentLicense is a license or an expression.
type componentLicense struct {
	License struct {
		ID   string `json:"id"`   // of SPDX, or
		Name string `json:"name"` // any text
	} `json:"license"`
	Expression string `json:"expression"`
}

type componentNeeds struct {
	Ref       string   `json:"ref"`
	DependsOn []string `json:"dependsOn"`
}

func packagesOfCycloneDX(top map[string]json.RawMessage) ([]Package, error) {
	var components []*component
	var dependencies []componentNeeds
	if err := read(top, field{"components", &components}, field{"dependencies", &dependencies}); err != nil {
		return nil, err
	}
	l := listing{places: map[string]int{}}
	l.addComponents(components)
	for _, d := range dependencies {
		for _, other := range d.DependsOn {
			l.depend(d.Ref, other)
		}
	}
	return l.done(), nil
}

// addComponents adds them and those within them; JSON bounds how deep they are.
func (l *listing) addComponents(components []*component) {
	for _, c := range components {
		if c == nil {
			continue
		}
		if c.Type != "file" && c.Type != "operating-system" {
			name := c.Name
			if c.Group != "" {
				name = c.Group + "/" + name
			}
			l.add(c.Ref, Package{Name: name, Version: c.Version, URL: c.URL, Licenses: c.licenses()})
		}
		l.addComponents(c.Components)
	}
}

func (c *component) licenses() (out []string) {
	for _, l := range c.Licenses {
		switch {
		case l.License.ID != "":
			out = append(out, l.License.ID)
		case l.License.Name != "":
			out = append(out, unlisted(l.License.Name))
		default:
			out = append(out, licensesIn(l.Expression, nil)...)
		}
	}
	return out
}
