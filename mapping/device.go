package mapping

import (
	"regexp"
	"strings"

	r4 "github.com/samply/golang-fhir-models/fhir-models/fhir"

	"lightbox/dicom"
)

// deviceAttributes are what a reference to the equipment depends on; its other attributes only describe it.
const deviceAttributes = "DeviceUID Manufacturer ManufacturerModelName DeviceSerialNumber StationName InstitutionName"

var deviceTable = compile("device", []rule[r4.Device]{
	{From: "DeviceUID", To: "Device.identifier", Ref: "PS3.3 C.7.5.1; RDS device-uid", Set: deviceUID},
	{From: "DeviceSerialNumber", To: "Device.identifier", Ref: "PS3.3 C.7.5.1; HL7 0203 SNO", Set: serialIdentifier},
	{From: "DeviceSerialNumber", To: "Device.serialNumber", Ref: "PS3.3 C.7.5.1", Set: move(func(d *r4.Device) **string { return &d.SerialNumber })},
	{From: "DeviceID", To: "Device.identifier", Ref: "PS3.3 C.7.5.1; RDS device-id", Set: deviceID},
	{From: "GantryID", To: "Device.identifier", Ref: "PS3.3 C.8.7.10", Set: gantryID},
	{From: "SourceApplicationEntityTitle", To: "Device.identifier", Ref: "PS3.10 7.1; RDS application-entity", Set: applicationEntity},
	{From: "UDISequence", To: "Device.udiCarrier", Ref: "PS3.3 10.29", Set: udi},
	{From: "Manufacturer", To: "Device.manufacturer", Ref: "PS3.3 C.7.5.1", Set: move(func(d *r4.Device) **string { return &d.Manufacturer })},
	{From: "Manufacturer", To: "Device.deviceName", Ref: "RDS ModalityDevice", Set: deviceName(r4.DeviceNameTypeManufacturerName)},
	{From: "ManufacturerModelName", To: "Device.deviceName", Ref: "RDS ModalityDevice", Set: deviceName(r4.DeviceNameTypeModelName)},
	{From: "StationName", To: "Device.deviceName", Ref: "RDS ModalityDevice", Set: deviceName(r4.DeviceNameTypeUserFriendlyName)},
	{From: "ManufacturerModelName", To: "Device.modelNumber", Ref: "PS3.3 C.7.5.1", Set: move(func(d *r4.Device) **string { return &d.ModelNumber })},
	{From: "Modality", To: "Device.type", Ref: "RDS ModalityDevice; PS3.16 CID 33", Set: deviceType},
	{From: "ManufacturerDeviceClassUID", To: "Device.type", Ref: "PS3.3 C.7.5.1", Set: deviceClass},
	{From: "SoftwareVersions", To: "Device.version", Ref: "PS3.3 C.7.5.1", Set: softwareVersions},
	{From: "InstitutionName", With: institutionAttributes, To: "Device.owner", Ref: "PS3.3 C.7.5.1", Set: deviceOwner},
})

const deviceIdentifiers = "http://hl7.org/fhir/uv/radiation-dose-summary/CodeSystem/dicom-identifier-type"

var (
	pathDeviceUID    = dicom.MustPath("DeviceUID")
	pathSerial       = dicom.MustPath("DeviceSerialNumber")
	pathManufacturer = dicom.MustPath("Manufacturer")
	pathModel        = dicom.MustPath("ManufacturerModelName")
	pathStation      = dicom.MustPath("StationName")
	pathUDI          = dicom.MustPath("UniqueDeviceIdentifier")
)

// device refers to the equipment of a context, nil when the equipment module says nothing that tells one device from another.
func (r *run) device(context *dicom.Dataset) *r4.Reference {
	system, key := deviceKey(context)
	if key == "" {
		return nil
	}
	id := r.mapper.ID("Device", system, key)
	return r.refer("Device", id, func() any {
		d := r4.Device{Id: &id, Status: new(r4.FHIRDeviceStatusActive)}
		deviceTable.apply(r, &d, whole(context))
		return r4.OtherDevice(d)
	})
}

// deviceKey is what makes two mentions the same device: its UID, else maker, model and serial number, else maker, model,
// station and institution. Software versions change and are no part of it.
func deviceKey(context *dicom.Dataset) (system, key string) {
	at := func(p dicom.Path) string { return strings.ToUpper(clean(context.Text(p))) }
	if uid := at(pathDeviceUID); IsUID(uid) {
		return uidSystem, uid
	}
	maker, model, serial := at(pathManufacturer), at(pathModel), at(pathSerial)
	switch {
	case serial != "" && maker+model != "":
		return "serial", join(maker, model, serial)
	case maker+model != "":
		return "station", join(maker, model, at(pathStation), at(pathInstitution))
	}
	return "", ""
}

// join makes one key of parts; the separator cannot stand in cleaned text.
func join(parts ...string) string { return strings.Join(parts, "\x1F") }

func deviceUID(r *run, to *r4.Device, v value) {
	for _, uid := range v.texts() {
		if !IsUID(uid) {
			r.doubt("bad-uid", "not a UID: left out")
			continue
		}
		kind := coded(deviceIdentifiers, "device-uid", "Device UID")
		to.Identifier = append(to.Identifier, uidIdentifier(uid, &kind))
	}
}

func serialIdentifier(r *run, to *r4.Device, v value) {
	maker := clean(v.dataset.Text(pathManufacturer))
	by := issuer{system: r.mapper.local("NamingSystem", join("serial", strings.ToUpper(maker))), display: maker}
	to.Identifier = append(to.Identifier, identifier("SNO", v.text(), by))
}

func deviceID(r *run, to *r4.Device, v value) { r.deviceIdentifier(to, v, "device-id", "Device ID") }
func applicationEntity(r *run, to *r4.Device, v value) {
	r.deviceIdentifier(to, v, "application-entity", "Application Entity")
}

func (r *run) deviceIdentifier(to *r4.Device, v value, kind, display string) {
	one := identifier("", v.text(), issuer{system: r.mapper.local("NamingSystem", kind)})
	one.Type = new(coded(deviceIdentifiers, kind, display))
	to.Identifier = append(to.Identifier, one)
}

// gantryID is a local number of the machine (0018,1008), not of its class.
func gantryID(r *run, to *r4.Device, v value) {
	by := issuer{system: r.mapper.local("NamingSystem", "GantryID")}
	to.Identifier = append(to.Identifier, localIdentifier("Gantry ID", v.text(), by))
}

func udi(_ *run, to *r4.Device, v value) {
	for _, i := range v.items() {
		hrf := i.text(pathUDI)
		if hrf == "" {
			continue
		}
		carrier := r4.DeviceUdiCarrier{CarrierHRF: &hrf}
		if m := gs1Pattern.FindStringSubmatch(hrf); m != nil {
			carrier.DeviceIdentifier, carrier.Issuer = &m[1], new("http://hl7.org/fhir/NamingSystem/gs1-di")
		}
		to.UdiCarrier = append(to.UdiCarrier, carrier)
	}
}

// gs1Pattern is a UDI of GS1 as people read it: the application identifier (01) stands before the number of the kind of device.
var gs1Pattern = regexp.MustCompile(`^\(01\)(\d{14})(?:\(|$)`)

func deviceName(kind r4.DeviceNameType) func(*run, *r4.Device, value) {
	return func(_ *run, to *r4.Device, v value) {
		to.DeviceName = append(to.DeviceName, r4.DeviceDeviceName{Name: v.text(), Type: kind})
	}
}

// deviceType is the modality of what acquires; a report or a presentation state says nothing of the kind of its machine.
func deviceType(_ *run, to *r4.Device, v value) {
	if m, ok := modalities[v.text()]; ok && m.acquisition && v.text() != "OT" {
		to.Type = new(coded(dcm, v.text(), m.meaning))
	}
}

func deviceClass(r *run, to *r4.Device, v value) {
	for _, uid := range v.texts() {
		if !IsUID(uid) {
			r.doubt("bad-uid", "not a UID: left out")
			continue
		}
		if to.Type == nil {
			to.Type = &r4.CodeableConcept{}
		}
		to.Type.Coding = append(to.Type.Coding, codingOf(rfc, "urn:oid:"+uid, ""))
	}
}

func softwareVersions(_ *run, to *r4.Device, v value) {
	for _, one := range v.texts() {
		to.Version = append(to.Version, r4.DeviceVersion{Value: one})
	}
}

func deviceOwner(r *run, to *r4.Device, v value) { to.Owner = r.institution(v) }
