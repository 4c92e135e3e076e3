package page

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/lumbar-health/lumbar/instruments"
)

// example writes made-up answers and what scoring really makes of them.
func example(b *strings.Builder, d *instruments.Definition) error {
	b.WriteString("Made-up answers, and what comes out.\n\n")
	answers := list(answersOf(d, 1))
	lines := []string{answers}
	for i, m := range d.AdminModes {
		if i > 0 {
			lines = append(lines, fmt.Sprintf(`{"answers":%s,"admin_mode":%q}`, answers, m.Name))
		}
	}
	for _, line := range lines {
		out, err := scoreLine(d, line)
		if err != nil {
			return err
		}
		command := "lumbar score --instrument " + string(d.ID)
		if !d.Current {
			command += " --version " + d.Version
		}
		fmt.Fprintf(b, "```\n$ echo '%s' | %s\n%s\n```\n\n", line, command, strings.TrimSpace(out))
	}
	if primary := d.Primary(); primary.Nominal || d.NoTotal || !hasThreshold(primary) {
		return nil
	}
	return changeExample(b, d)
}

// changeExample writes two administrations, the better one second.
func changeExample(b *strings.Builder, d *instruments.Definition) error {
	first, second := list(answersOf(d, 1)), list(answersOf(d, 2))
	change, err := changeOf(d, first, second)
	if err != nil {
		return err
	}
	if change.Improvement != nil && *change.Improvement < 0 {
		first, second = second, first
		if change, err = changeOf(d, first, second); err != nil {
			return err
		}
	}
	text, err := json.MarshalIndent(change, "", "  ")
	if err != nil {
		return err
	}
	fmt.Fprintf(b, "Of `{\"baseline\":%s,\"follow_up\":%s}` the result has both scores and `change`:\n\n```json\n%s\n```\n\n", first, second, text)
	return nil
}

func changeOf(d *instruments.Definition, first, second string) (instruments.Change, error) {
	var result struct {
		Change instruments.Change `json:"change"`
	}
	out, err := scoreLine(d, fmt.Sprintf(`{"baseline":%s,"follow_up":%s}`, first, second))
	if err != nil {
		return result.Change, err
	}
	return result.Change, json.Unmarshal([]byte(out), &result)
}

// scoreLine is what lumbar score makes of a line.
func scoreLine(d *instruments.Definition, line string) (string, error) {
	var out bytes.Buffer
	bad, err := instruments.ScoreLines(strings.NewReader(line+"\n"), &out, d)
	if err != nil {
		return "", err
	}
	if bad > 0 || strings.Contains(out.String(), `"status":"invalid"`) {
		return "", fmt.Errorf("example %s is no response: %s", line, strings.TrimSpace(out.String()))
	}
	return out.String(), nil
}

// answersOf makes up answers as JSON values, different ones for each seed, 1 or
// 2. Seed 1 misses one where the rule of a score fills in. Of the items that may
// be absent it answers the first.
func answersOf(d *instruments.Definition, seed int) []string {
	asked := len(d.Items)
	if d.Optional > 1 {
		asked -= d.Optional - 1
	}
	answers := make([]string, asked)
	for i := range answers {
		it := &d.Items[i]
		low, levels := int(it.Min), int(it.Max)-int(it.Min)+1
		switch {
		case it.Words != nil:
			answers[i] = fmt.Sprintf("%q", it.Words[(i*i+seed)%len(it.Words)])
		case it.Hundredths: // hours of a week
			answers[i] = fmt.Sprint(8 * (4 + i) / (4 * seed))
		case levels > 1000: // days
			answers[i] = fmt.Sprint(20 * seed)
		case levels > 6:
			answers[i] = fmt.Sprint(low + levels*(seed+1)/5 + i%2)
		case levels == 2 && i == 0: // who is asked whether the rest applies says yes
			answers[i] = fmt.Sprint(it.Max)
		default:
			answers[i] = fmt.Sprint(low + (i*i+seed)%levels)
		}
	}
	for _, s := range d.Scores {
		if s.Missing.AtMost > 0 && !s.Nominal && seed == 1 {
			if at, ok := d.ItemIndex(s.ItemKeys[2]); ok {
				answers[at] = "null"
			}
			break
		}
	}
	return answers
}

func list(answers []string) string { return "[" + strings.Join(answers, ",") + "]" }
