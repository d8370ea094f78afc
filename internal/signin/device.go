package signin

import (
	"context"

	"github.com/ostiary/ostiary/internal/fault"
)

// Prompt is what a person needs for signing in on another device.
type Prompt struct{ Address, Code string }

// Device signs a person in who has a browser elsewhere. It waits until the code
// ends.
func (s *SignIn) Device(ctx context.Context, show func(Prompt)) (Person, error) {
	ctx, client, err := s.oauth(ctx)
	if err != nil {
		return Person{}, err
	}
	if !isHTTPS(client.Endpoint.DeviceAuthURL) {
		return Person{}, fault.New(fault.Invalid, "the login service knows no device codes").At(s.settings.issuer()).Fix("run 'ostiary login' without --device")
	}
	asked, err := client.DeviceAuth(ctx)
	if err != nil {
		return Person{}, refused(err)
	}
	show(Prompt{said("", asked.VerificationURI), said("", asked.UserCode)})
	got, err := client.DeviceAccessToken(ctx, asked)
	if err != nil {
		if ctx.Err() != nil {
			return Person{}, context.Cause(ctx)
		}
		return Person{}, refused(err)
	}
	return s.keep(got, "")
}
