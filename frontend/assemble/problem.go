package assemble

// Subject is the instruction of the Wasmfile that a Problem is about.
type Subject string

const (
	// SubjectComponent is the COMPONENT instructions in Problem.Ordinals.
	SubjectComponent Subject = "component"
	// SubjectProcess is ENTRYPOINT, else CMD, else the last COMPONENT.
	SubjectProcess Subject = "process"
)

// Problem is something that the user has to change in the Wasmfile or in the
// files that it names. It is the error of the whole build.
type Problem struct {
	// Subject is the kind of instruction that is at fault.
	Subject Subject `json:"subject"`
	// Ordinals are the COMPONENTs at fault, counted from 1.
	Ordinals []int `json:"ordinals,omitempty"`
	// Message says what is wrong and what to do.
	Message string `json:"message"`
}

func (p *Problem) Error() string { return p.Message }
