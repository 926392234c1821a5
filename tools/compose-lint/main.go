// compose-lint loads docker-compose.yml as `docker compose config` does (with Compose's own library:
// interpolation, schema, references between services) and then holds it against our own rules:
//
//   - it loads without an .env file, and with .env.example, with no unset variable and no warning
//   - every image is pinned to a version, never to a moving tag
//   - nothing is published beyond the loopback addresses
//   - what we mount and build from exists in the checkout
//   - every container that stays up has a health check and drops new privileges
//   - our own services run unprivileged: read-only root, no capability
//   - a service that waits for another's health waits for one that reports it
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/template"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/sirupsen/logrus"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: compose-lint docker-compose.yml")
		os.Exit(2)
	}
	file, err := filepath.Abs(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	faults := unsetVariables(file)
	for _, envFile := range []string{"", ".env.example"} {
		faults = append(faults, lint(file, envFile)...)
	}
	sort.Strings(faults)
	faults = slices.Compact(faults)
	for _, fault := range faults {
		fmt.Fprintln(os.Stderr, fault)
	}
	if len(faults) > 0 {
		os.Exit(1)
	}
}

// A variable that has no default is an empty string to Compose, after one warning among many lines.
func unsetVariables(file string) []string {
	text, err := os.ReadFile(file)
	if err != nil {
		return []string{err.Error()}
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			lines = append(lines, line)
		}
	}
	var faults []string
	for name, v := range template.ExtractVariables(
		map[string]any{"text": strings.Join(lines, "")}, template.DefaultPattern) {
		if !v.Required && v.DefaultValue == "" && v.PresenceValue == "" && !strings.Contains(string(text), "${"+name+":-}") {
			faults = append(faults, fmt.Sprintf("${%s} has no default: write ${%s:-…}", name, name))
		}
	}
	return faults
}

// Compose's library only logs what it tolerates; to us each of those is a fault.
type warnings struct{ seen []string }

func (w *warnings) Levels() []logrus.Level { return []logrus.Level{logrus.WarnLevel, logrus.ErrorLevel} }

func (w *warnings) Fire(entry *logrus.Entry) error {
	w.seen = append(w.seen, entry.Message)
	return nil
}

func lint(file, envFile string) []string {
	dir := filepath.Dir(file)
	with := "with no .env"
	options := []cli.ProjectOptionsFn{
		cli.WithWorkingDirectory(dir),
		cli.WithDefaultProfiles("*"),
	}
	if envFile != "" {
		with = "with " + envFile
		options = append(options, cli.WithEnvFiles(filepath.Join(dir, envFile)), cli.WithDotEnv)
	}

	warned := &warnings{}
	logrus.StandardLogger().ReplaceHooks(make(logrus.LevelHooks))
	logrus.AddHook(warned)
	loader, err := cli.NewProjectOptions([]string{file}, options...)
	if err != nil {
		return []string{with + ": " + err.Error()}
	}
	project, err := loader.LoadProject(context.Background())
	if err != nil {
		return []string{with + ": " + err.Error()}
	}

	var faults []string
	for _, text := range warned.seen {
		faults = append(faults, with+": "+text)
	}
	for name, service := range project.Services {
		for _, fault := range serviceFaults(project, service) {
			faults = append(faults, name+": "+fault)
		}
	}
	return faults
}

// A tag that says at least major.minor, or a digest.
var pinned = regexp.MustCompile(`(:v?[0-9]+\.[0-9]+[^:/]*|@sha256:[0-9a-f]{64})$`)

func serviceFaults(project *types.Project, s types.ServiceConfig) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }

	if s.Build == nil && !pinned.MatchString(s.Image) {
		fault("image %q is not pinned to a version", s.Image)
	}
	for _, port := range s.Ports {
		if port.HostIP != "127.0.0.1" && port.HostIP != "::1" {
			fault("port %d is published on %q: only loopback is allowed", port.Target, port.HostIP)
		}
	}
	for _, volume := range s.Volumes {
		if volume.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(volume.Source); err != nil {
			fault("mounts %s, which does not exist", volume.Source)
		}
		if !volume.ReadOnly {
			fault("mounts %s writable: a container writes to named volumes only", volume.Source)
		}
	}
	if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") {
		fault("lacks security_opt no-new-privileges:true")
	}

	oneShot := s.Restart == "no"
	if s.Build != nil {
		faults = append(faults, ownFaults(s)...)
	} else if !oneShot && s.HealthCheck == nil {
		fault("has no health check")
	}
	if s.Restart == "" {
		fault(`has no restart policy: "no" for a job, unless-stopped for the rest`)
	}

	for name, dependency := range s.DependsOn {
		other, ok := project.Services[name]
		if !ok {
			continue // Compose's own check has said so
		}
		job := other.Restart == "no"
		switch dependency.Condition {
		case types.ServiceConditionHealthy:
			if job {
				fault("waits for the health of %s, which is a job", name)
			}
		case types.ServiceConditionCompletedSuccessfully:
			if !job {
				fault("waits for the end of %s, which stays up", name)
			}
		default:
			fault("depends on %s by %q, which says nothing about its state", name, dependency.Condition)
		}
	}
	return faults
}

// The rules for images that we build.
func ownFaults(s types.ServiceConfig) []string {
	var faults []string
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }

	if !s.ReadOnly {
		fault("root file system is writable: set read_only")
	}
	if !slices.Contains(s.CapDrop, "ALL") || len(s.CapAdd) > 0 {
		fault("keeps capabilities: set cap_drop: [ALL] and no cap_add")
	}
	if s.Privileged || s.User == "root" || s.User == "0" {
		fault("runs as root")
	}
	dockerfile := s.Build.Dockerfile
	if !filepath.IsAbs(dockerfile) {
		dockerfile = filepath.Join(s.Build.Context, dockerfile)
	}
	text, err := os.ReadFile(dockerfile)
	if err != nil {
		fault("is built from %s, which does not exist", dockerfile)
	} else if stage := " AS " + s.Build.Target + "\n"; !strings.Contains(string(text), stage) {
		fault("is built from stage %q, which %s does not have", s.Build.Target, filepath.Base(dockerfile))
	}
	return faults
}
